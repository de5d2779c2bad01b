<?php

$_LANG['manage'] = 'VM-i idarə et';
$_LANG['start'] = 'Başlat';
$_LANG['shutdown'] = 'Söndür';
$_LANG['reboot'] = 'Yenidən başlat';
$_LANG['name'] = 'Ad';
$_LANG['status'] = 'Vəziyyət';
$_LANG['address'] = 'IP ünvanı';
$_LANG['traffic'] = 'Bu ayın trafiki';
$_LANG['in'] = 'gələn';
$_LANG['out'] = 'gedən';
$_LANG['unavailable'] = 'VM hazırda əlçatan deyil. Sonra yenidən cəhd edin.';
$_LANG['forbidden'] = 'Tarifinizə bu funksiya daxil deyil.';
$_LANG['state_running'] = 'İşləyir';
$_LANG['state_stopped'] = 'Dayandırılıb';
$_LANG['state_suspended'] = 'Müvəqqəti bloklanıb';
$_LANG['state_installing'] = 'Quraşdırılır';
$_LANG['state_changing'] = 'Dəyişdirilir';
$_LANG['state_removed'] = 'Silinib';
$_LANG['state_unknown'] = 'Naməlum';
