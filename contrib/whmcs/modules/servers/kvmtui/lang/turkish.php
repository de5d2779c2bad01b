<?php

$_LANG['manage'] = 'VM’yi yönet';
$_LANG['start'] = 'Başlat';
$_LANG['shutdown'] = 'Kapat';
$_LANG['reboot'] = 'Yeniden başlat';
$_LANG['name'] = 'Ad';
$_LANG['status'] = 'Durum';
$_LANG['address'] = 'IP adresi';
$_LANG['traffic'] = 'Bu ayki trafik';
$_LANG['in'] = 'gelen';
$_LANG['out'] = 'giden';
$_LANG['unavailable'] = 'VM’ye şu anda ulaşılamıyor. Daha sonra yeniden deneyin.';
$_LANG['forbidden'] = 'Paketiniz bu özelliği içermiyor.';
$_LANG['state_running'] = 'Çalışıyor';
$_LANG['state_stopped'] = 'Durduruldu';
$_LANG['state_suspended'] = 'Askıya alındı';
$_LANG['state_installing'] = 'Kuruluyor';
$_LANG['state_changing'] = 'Değiştiriliyor';
$_LANG['state_removed'] = 'Kaldırıldı';
$_LANG['state_unknown'] = 'Bilinmiyor';
