/*M!999999\- enable the sandbox mode */ 
-- MySQL dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: whmcs
-- ------------------------------------------------------
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;

DROP TABLE IF EXISTS `mod_puq_license`;
CREATE TABLE `mod_puq_license` (
  `id` int(11) NOT NULL,
  `license` text
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `mod_puq_license` VALUES
(1,'GEHEIM-LICENCE');

DROP TABLE IF EXISTS `puqProxmoxKVM_statistics`;
CREATE TABLE `puqProxmoxKVM_statistics` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `service_id` int(11) NOT NULL,
  `netin` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `puqProxmoxKVM_statistics` VALUES
(1,5546,123456789),(2,5546,NULL);

DROP TABLE IF EXISTS `puqProxmoxKVM_vm_info`;
CREATE TABLE `puqProxmoxKVM_vm_info` (
  `service_id` int(11) NOT NULL,
  `vm_id` int(11) DEFAULT NULL,
  `vm_name` varchar(255) DEFAULT NULL,
  `vm_status` varchar(64) DEFAULT NULL,
  `vm_net0_mac` varchar(32) DEFAULT NULL,
  `vm_rev_dns` text DEFAULT NULL,
  `vm_snapshots` int(11) DEFAULT 0,
  `vm_backups` int(11) DEFAULT 0,
  `vm_backup_now_utid` varchar(255) DEFAULT NULL,
  `vm_backup_restore_utid` varchar(255) DEFAULT NULL,
  `vm_backup_schedule` text DEFAULT NULL,
  `vm_last_action_log` longtext DEFAULT NULL,
  PRIMARY KEY (`service_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `puqProxmoxKVM_vm_info` WRITE;
/*!40000 ALTER TABLE `puqProxmoxKVM_vm_info` DISABLE KEYS */;
INSERT INTO `puqProxmoxKVM_vm_info` VALUES
(5546,2001,'5546-1776530141','ready','BC:24:11:00:20:01','{\"192.168.130.2\":\"mail.example.com\",\"192.168.130.3\":\"5546-1776530141.example.com\"}',3,0,'','','{\"0\":\"07:00\",\"1\":\"03:00\",\"4\":\"03:00\"}','{\"steps\":\"it\'s done; (all)\"}'),
(5547,2002,'7-5547','ready','','[]',0,0,NULL,NULL,'',NULL),
(5548,2003,'7-5548','cp_firewall','','[]',0,0,NULL,NULL,NULL,NULL),
(5549,NULL,'','remove','','',0,0,NULL,NULL,NULL,NULL),
(5551,2099,'7-5551','ready','','[]',0,0,NULL,NULL,NULL,NULL),
(5552,2005,'7-5552','ready','','[]',0,0,NULL,NULL,NULL,NULL),
(5553,2006,'7-5553','ready','','[]',0,0,NULL,NULL,NULL,NULL),
(5554,2007,'7-5554','ready','','[]',0,0,NULL,NULL,NULL,NULL),
(5555,2008,'12-5555','ready','','[]',0,0,NULL,NULL,NULL,NULL),
(5556,2009,'7-5556','ready','','[]',0,0,NULL,NULL,NULL,NULL),
(5557,2010,'9-5557','ready','','[]',0,0,NULL,NULL,NULL,NULL);
/*!40000 ALTER TABLE `puqProxmoxKVM_vm_info` ENABLE KEYS */;
UNLOCK TABLES;

DROP TABLE IF EXISTS `puq_proxmox_kvm_dns_zones`;
CREATE TABLE `puq_proxmox_kvm_dns_zones` (`id` int(11) NOT NULL, `zone` varchar(255), `type` varchar(32), `config` text);
INSERT INTO `puq_proxmox_kvm_dns_zones` VALUES (1,'example.com','powerdns','{\"server\":\"https://pdns\",\"api_key\":\"GEHEIM-DNS\"}');

DROP TABLE IF EXISTS `puq_proxmox_kvm_ip_pools`;
CREATE TABLE `puq_proxmox_kvm_ip_pools` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `server_id` int(11) NOT NULL,
  `type` varchar(8) NOT NULL,
  `bridge` varchar(32) NOT NULL,
  `vlan` int(11) NOT NULL DEFAULT 0,
  `gateway` varchar(64) NOT NULL,
  `mask` int(11) NOT NULL,
  `dns1` varchar(64) DEFAULT NULL,
  `dns2` varchar(64) DEFAULT NULL,
  `address_start` varchar(64) NOT NULL,
  `address_stop` varchar(64) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;
INSERT INTO `puq_proxmox_kvm_ip_pools` VALUES
(1,3,'IPv4','vmbr0',0,'192.168.130.1',24,'8.8.8.8','1.1.1.1','192.168.130.2','192.168.130.30'),
(2,3,'IPv6','vmbr0',0,'2001:0db8:0000:0000:0000:0000:0000:0001',120,'','','2001:db8::2','2001:db8::50'),
(3,3,'IPv4','vmbr0',0,'192.168.130.1',24,NULL,NULL,'192.168.130.20','192.168.130.40');

DROP TABLE IF EXISTS `tblclients`;
CREATE TABLE `tblclients` (
  `id` int(10) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(255) NOT NULL DEFAULT '',
  `firstname` text NOT NULL,
  `lastname` text NOT NULL,
  `companyname` text NOT NULL,
  `email` text NOT NULL,
  `password` text NOT NULL,
  `language` text NOT NULL,
  `pwresetkey` text NOT NULL,
  PRIMARY KEY (`id`),
  KEY `email` (`email`(64))
) ENGINE=InnoDB AUTO_INCREMENT=14 DEFAULT CHARSET=utf8mb4;
INSERT INTO `tblclients` VALUES
(7,'u7','Jo','O&#039;Brien','M&amp;M &lt;b&gt;GmbH&lt;/b&gt;','jo@example.com','$2y$10$GEHEIM-CLIENT','german',''),
(8,'u8','Zoë','Müller 🙂','','zoe@example.com','$2y$10$GEHEIM-CLIENT','polish','GEHEIM-RESET'),
(9,'u9','Jo','O&#039;Brien','','jo@example.com','$2y$10$GEHEIM-CLIENT','',''),
(12,'u12','Bad','Mail','','not a mail','$2y$10$GEHEIM-CLIENT','english',''),
(13,'u13','No','Vm','','novm@example.com','$2y$10$GEHEIM-CLIENT','english','');

DROP TABLE IF EXISTS `tblhosting`;
CREATE TABLE `tblhosting` (
  `id` int(10) NOT NULL AUTO_INCREMENT,
  `userid` int(10) NOT NULL,
  `packageid` int(10) NOT NULL,
  `server` int(10) NOT NULL,
  `regdate` date NOT NULL,
  `domain` text NOT NULL,
  `amount` decimal(16,2) NOT NULL DEFAULT 0.00,
  `domainstatus` enum('Pending','Active','Suspended','Terminated','Cancelled','Fraud','Completed') NOT NULL DEFAULT 'Pending',
  `username` text NOT NULL,
  `password` text NOT NULL,
  `notes` text NOT NULL,
  `suspendreason` text NOT NULL,
  `dedicatedip` text NOT NULL,
  `assignedips` text NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `tblhosting` VALUES
(5546,7,10,3,'2024-01-01','5546-1776530141.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.2','192.168.130.3'),
(5547,8,10,3,'2024-01-01','7-5547.example.com',5.00,'Suspended','root','GEHEIM-VM','','Overdue &amp; unpaid','192.168.130.4',''),
(5548,7,10,3,'2024-01-01','7-5548.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.5',''),
(5549,7,10,3,'2024-01-01','',5.00,'Terminated','','','','','',''),
(5550,7,10,3,'2024-01-01','',5.00,'Pending','','','','','',''),
(5551,7,10,3,'2024-01-01','7-5551.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.6',''),
(5552,7,10,3,'2024-01-01','7-5552.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.7',''),
(5553,7,10,3,'2024-01-01','7-5553.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.8',''),
(5554,7,10,3,'2024-01-01','7-5554.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.9',''),
(5555,12,10,3,'2024-01-01','12-5555.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.10','');
INSERT INTO `tblhosting` VALUES
(5556,7,11,3,'2024-01-01','7-5556.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.11',''),
(5557,9,10,3,'2024-01-01','9-5557.example.com',5.00,'Active','root','GEHEIM-VM','','','192.168.130.12','2001:0db8:0000:0000:0000:0000:0000:0007'),
(5600,13,20,1,'2024-01-01','webspace.example.net',5.00,'Active','novm','GEHEIM-WEB','','','','');

DROP TABLE IF EXISTS `tblhostingconfigoptions`;
CREATE TABLE `tblhostingconfigoptions` (`id` int(10) NOT NULL, `relid` int(10) NOT NULL, `configid` int(10) NOT NULL, `optionid` int(10) NOT NULL, `qty` int(10) NOT NULL);
INSERT INTO `tblhostingconfigoptions` VALUES
(1,5546,1,12,0),(2,5546,2,22,0),(3,5546,3,31,0),(4,5546,4,41,0),(5,5546,5,51,0),(6,5547,2,21,0),(7,5557,6,60,2);

DROP TABLE IF EXISTS `tblproductconfiglinks`;
CREATE TABLE `tblproductconfiglinks` (`gid` int(10) NOT NULL, `pid` int(10) NOT NULL);
INSERT INTO `tblproductconfiglinks` VALUES (1,10);

DROP TABLE IF EXISTS `tblproductconfigoptions`;
CREATE TABLE `tblproductconfigoptions` (`id` int(10) NOT NULL, `gid` int(10) NOT NULL, `optionname` text NOT NULL, `optiontype` text NOT NULL);
INSERT INTO `tblproductconfigoptions` VALUES
(1,1,'CPU Cores','1'),(2,1,'RAM|Memory','1'),(3,1,'B|Backup','1'),(4,1,'OS|Operating system','1'),(5,1,'Control panel &lt;i&gt;','1'),(6,1,'IPv4 Addresses','4');

DROP TABLE IF EXISTS `tblproductconfigoptionssub`;
CREATE TABLE `tblproductconfigoptionssub` (`id` int(10) NOT NULL, `configid` int(10) NOT NULL, `optionname` text NOT NULL, `sortorder` int(10) NOT NULL);
INSERT INTO `tblproductconfigoptionssub` VALUES
(11,1,'2|2 Cores',1),(12,1,'4|4 Cores',2),(21,2,'0|none',1),(22,2,'4|4 GB',2),(31,3,'2|2 backups',0),(41,4,'9000|Debian 12',1),(42,4,'9001|Ubuntu',2),(51,5,'cPanel',0),(60,6,'IPv4',0);

DROP TABLE IF EXISTS `tblproducts`;
CREATE TABLE `tblproducts` (
  `id` int(10) NOT NULL,
  `name` text NOT NULL,
  `servertype` text NOT NULL,
  `servergroup` int(10) NOT NULL,
  `configoption1` text NOT NULL,
  `configoption2` text NOT NULL,
  `configoption3` text NOT NULL,
  `configoption4` text NOT NULL
) ENGINE=InnoDB;
INSERT INTO `tblproducts` VALUES
(10,'VPS &quot;S&quot;','puqProxmoxKVM',1,'GEHEIM-LICENCE','{\"cpu\":\"2\",\"ram\":\"2\",\"clone_type\":\"Full Clone\",\"vm_name_rule\":\"{service_id}-{unixtime}\",\"first_vm_id\":2000,\"os_username\":\"root\",\"snapshot_lifetime\":\"86400\",\"backups_storage\":\"backup|dir\",\"system_disk\":{\"storage\":\"auto (from template)\",\"space\":\"20\",\"mbps_rd\":\"100\"},\"main_domain\":\".example.com\",\"novnc_key\":\"GEHEIM-NOVNC\",\"novnc_domain\":\"vnc.example.com\"}','firewall_enable=on\nfirewall_input_policy=DROP\nmac_filter=','GEHEIM-OPAQUE'),
(11,'VPS old','puqProxmoxKVM',1,'GEHEIM-LICENCE','2','Pve-waw2',''),
(20,'Web space','cpanel',2,'GEHEIM-CPANEL','x','y','');

DROP TABLE IF EXISTS `tblservergroupsrel`;
CREATE TABLE `tblservergroupsrel` (`id` int(10) NOT NULL, `groupid` int(10) NOT NULL, `serverid` int(10) NOT NULL);
INSERT INTO `tblservergroupsrel` VALUES (1,1,3),(2,2,1);

DROP TABLE IF EXISTS `tblservers`;
CREATE TABLE `tblservers` (
  `id` int(10) NOT NULL,
  `name` text NOT NULL,
  `ipaddress` text NOT NULL,
  `assignedips` text NOT NULL,
  `hostname` text NOT NULL,
  `username` text NOT NULL,
  `password` text NOT NULL,
  `accesshash` text NOT NULL
) ENGINE=InnoDB;
INSERT INTO `tblservers` VALUES
(1,'cpanel','203.0.113.1','','cpanel.example.net','root','GEHEIM-SERVER','GEHEIM-HASH'),
(3,'Proxmox Warsaw','127.0.0.1','vmbr0|10|192.168.10.2|24|192.168.10.1|8.8.8.8\r\nvmbr0|10|192.168.10.3|24|192.168.10.1|8.8.8.8','pve.example.net','root@pam!whmcs','GEHEIM-SERVER','GEHEIM-HASH');

-- Dump completed on 2026-11-28 18:00:00
